-- A product's page shows its drops.
create index drops_of_product on drops (creator_id, product_id, starts_at, id);
