-- Files that were uploaded, or are being. By their id, which is all that a download or a product knows of one: no transaction touches two.
create table media (
    id uuid not null,
    creator_id uuid not null,
    filename text not null,
    declared_type text not null,
    declared_sha256 text,
    size bigint not null check (size > 0),
    created_as jsonb not null,
    -- Bytes that are kept for certain: their parts are named in media_parts, the rest lies in a tail of its own.
    stored bigint not null default 0 check (stored between 0 and size),
    part_size integer,
    upload_id text,
    -- Raised by whoever goes on with the upload: what writes with an older one changes nothing.
    epoch bigint not null default 0,
    writing boolean not null default false,
    settling_until timestamptz,
    state text not null default 'UPLOADING' check (state in ('UPLOADING', 'READY', 'REJECTED')),
    reason text,
    -- A rejected file's bytes are gone.
    purged boolean not null default false,
    content_type text,
    sha256 text,
    width integer,
    height integer,
    thumbnails jsonb not null default '[]',
    expires_at timestamptz not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (id),
    check (state <> 'READY' or (stored = size and content_type is not null and sha256 is not null)),
    check (state <> 'REJECTED' or reason is not null)
);
-- distribute: media by id
create index media_unfinished on media (expires_at) where state <> 'READY';
create index media_unfinished_of_creator on media (creator_id) where state = 'UPLOADING';

-- What the object store answered for each part of an unfinished upload.
create table media_parts (
    media_id uuid not null,
    number integer not null,
    tag text not null,
    primary key (media_id, number)
);
-- distribute: media_parts by media_id
