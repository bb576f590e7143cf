"""The RPC entrypoints of products."""

from services.contracts.media import MediaFile, NewUpload, Upload
from services.contracts.products import (
    Drop,
    DropChange,
    DropPage,
    DropState,
    Imported,
    ImportedProduct,
    NewDrop,
    NewProduct,
    Product,
    ProductChange,
    ProductPage,
    Products,
    Sought,
)
from services.kernel.current_call import CurrentCall
from services.kernel.rpc_server import rpc
from services.products import usecases
from services.products.providers import ShopProvider
from services.products.settings import ProductsSettings
from services.products.store import DropFilter


class ProductsService:
    name = "products"
    contract = Products
    settings_class = ProductsSettings

    shop = ShopProvider()
    call = CurrentCall()

    @rpc
    def create_product(self, *, product_id: str, creator_id: str, product: NewProduct) -> Product:
        return usecases.create_product(self.shop, product_id, creator_id, product, self.call)

    @rpc
    def import_products(self, *, products: list[ImportedProduct]) -> list[Imported]:
        return usecases.import_products(self.shop, products, self.call)

    @rpc
    def update_product(self, *, product_id: str, expected_version: int, change: ProductChange) -> Product:
        return usecases.update_product(self.shop, product_id, expected_version, change, self.call)

    @rpc
    def get_product(self, *, product_id: str) -> Product:
        return usecases.get_product(self.shop, product_id)

    @rpc
    def get_products(self, *, product_ids: list[str]) -> list[Product]:
        return usecases.get_products(self.shop, product_ids)

    @rpc
    def list_products(self, *, creator_id: str | None, first: int, after: str | None, page: int | None) -> ProductPage:
        return usecases.list_products(self.shop, creator_id, first, after, page)

    @rpc
    def schedule_drop(self, *, drop_id: str, product_id: str, drop: NewDrop) -> Drop:
        return usecases.schedule_drop(self.shop, drop_id, product_id, drop, self.call)

    @rpc
    def change_drop(self, *, drop_id: str, expected_version: int, change: DropChange) -> Drop:
        return usecases.change_drop(self.shop, drop_id, expected_version, change, self.call)

    @rpc
    def end_drop(self, *, drop_id: str) -> Drop:
        return usecases.end_drop(self.shop, drop_id, self.call)

    @rpc
    def cancel_drop(self, *, drop_id: str, reason: str) -> Drop:
        return usecases.cancel_drop(self.shop, drop_id, reason, self.call)

    @rpc
    def get_drop(self, *, drop_id: str) -> Drop:
        return usecases.get_drop(self.shop, drop_id)

    @rpc
    def get_drops(self, *, drop_ids: list[str]) -> list[Drop]:
        return usecases.get_drops(self.shop, drop_ids)

    @rpc
    def list_drops(
        self, *, state: DropState | None, creator_id: str | None, first: int, after: str | None, page: int | None, product_id: str | None
    ) -> DropPage:
        return usecases.list_drops(self.shop, DropFilter(state, creator_id, product_id), first, after, page)

    @rpc
    def find_products(self, *, sought: Sought, first: int, after: str | None) -> ProductPage:
        return usecases.find_products(self.shop, sought, first, after)

    @rpc
    def find_drops(self, *, sought: Sought, states: list[DropState] | None, first: int, after: str | None) -> DropPage:
        return usecases.find_drops(self.shop, sought, states or [], first, after)

    @rpc
    def create_upload(self, *, media_id: str, creator_id: str, upload: NewUpload) -> Upload:
        return usecases.create_upload(self.shop, media_id, creator_id, upload, self.call)

    @rpc
    def get_media(self, *, media_ids: list[str]) -> list[MediaFile]:
        return usecases.get_media(self.shop, media_ids)
