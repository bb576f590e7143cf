"""Who may import products."""

from typing import Any, cast

import pytest

from services.contracts.errors import Forbidden
from services.contracts.products import ImportedProduct, NewProduct
from services.contracts.users import Role
from services.contracts.values import Money
from services.kernel import calls
from services.kernel.calls import Viewer
from services.products import usecases

CREATOR = "00000000-0000-4000-8000-000000000abc"
NO_SHOP = cast(Any, None)


def test_a_creator_who_is_no_operator_may_not_import_not_even_for_themselves() -> None:
    call = calls.begin(viewer=Viewer(CREATOR, (Role.CREATOR,)))
    wanted = ImportedProduct(CREATOR, CREATOR, NewProduct("Mug", Money(1, "EUR")))
    with pytest.raises(Forbidden):
        usecases.import_products(NO_SHOP, [wanted], call)
