"""The short way through GraphQL's execution answers what the library answers, errors included."""

from typing import Any

from graphql import GraphQLObjectType, build_schema, execute_sync, parse
from hypothesis import given
from hypothesis import strategies as st

from gateway.execution import PlainFields

SCHEMA = build_schema("""
    enum Colour { RED BLUE }
    type Leaf { text: String! number: Int flag: Boolean! colour: Colour! ids: [ID!] id: ID }
    type Tree { name: String leaf: Leaf strict: Leaf! leaves: [Leaf] must: [Leaf!]! numbers: [Int!] twice: Int! asked(n: Int = 2): Int }
    type Query { tree: Tree trees: [Tree!] }
""")
QUERY = parse("""
    query Q($with: Boolean = true) {
      tree { ...Whole other: name }
      trees { __typename name twice leaf { number } ... on Tree { leaf { text } } }
    }
    fragment Whole on Tree {
      name twice asked(n: 3) numbers leaf { ...Leaf } strict { ...Leaf } leaves { ...Leaf number @include(if: $with) } must { ...Leaf }
    }
    fragment Leaf on Leaf { text flag colour ids id renamed: text }
""")


def _twice(tree: dict[str, Any], _info: Any) -> Any:
    return tree["name"] * 2


_tree = SCHEMA.type_map["Tree"]
assert isinstance(_tree, GraphQLObjectType)
_tree.fields["twice"].resolve = _twice

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**33), 2**33)
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
    | st.sampled_from(["RED", "BLUE"])
)


def _dicts(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=values)


GOOD_LEAVES = st.fixed_dictionaries(
    {"text": st.text(max_size=3), "flag": st.booleans(), "colour": st.sampled_from(["RED", "BLUE"])},
    optional={"number": st.integers(-5, 5), "ids": st.lists(st.text(max_size=2), max_size=2), "id": st.none() | st.integers()},
)
LEAVES = (
    GOOD_LEAVES
    | SCALARS
    | _dicts(text=SCALARS, number=SCALARS, flag=SCALARS, colour=SCALARS, ids=st.lists(SCALARS, max_size=2) | SCALARS, id=SCALARS)
)
LISTS = st.lists(GOOD_LEAVES, max_size=3) | st.lists(LEAVES, max_size=3) | st.tuples(LEAVES) | SCALARS
TREES = SCALARS | _dicts(
    name=st.integers(0, 9) | SCALARS,
    leaf=LEAVES,
    strict=LEAVES,
    leaves=LISTS,
    must=LISTS,
    numbers=st.lists(SCALARS, max_size=3),
    asked=SCALARS,
)
GOOD_TREES = st.fixed_dictionaries(
    {"name": st.integers(0, 9), "strict": GOOD_LEAVES, "must": st.lists(GOOD_LEAVES, max_size=3)},
    optional={"leaves": LISTS, "leaf": LEAVES},
)


@given(
    st.fixed_dictionaries({"tree": GOOD_TREES | TREES, "trees": st.lists(GOOD_TREES, max_size=3) | st.lists(TREES, max_size=3)}),
    st.booleans(),
)
def test_the_answer_and_its_errors_are_those_of_the_library(root: dict[str, Any], included: bool) -> None:
    plain, library = (
        execute_sync(SCHEMA, QUERY, root_value=root, variable_values={"with": included}, execution_context_class=way)
        for way in (PlainFields, None)
    )
    assert plain.formatted == library.formatted
    assert list(_keys(plain.data)) == list(_keys(library.data))


def _keys(data: Any) -> Any:
    """All names of an answer, in their order, which equality does not look at."""
    if isinstance(data, dict):
        for name, value in data.items():
            yield name
            yield from _keys(value)
    elif isinstance(data, list):
        for value in data:
            yield from _keys(value)


def test_a_good_answer_is_not_made_of_nulls() -> None:
    leaf = {"text": "t", "flag": True, "colour": "RED", "ids": ["1"], "id": 7, "number": 3}
    tree = {"name": 4, "leaf": leaf, "strict": leaf, "leaves": [leaf, None], "must": [leaf], "numbers": [1]}
    result = execute_sync(SCHEMA, QUERY, root_value={"tree": tree, "trees": [tree]}, execution_context_class=PlainFields)
    assert result.errors is None
    assert result.data is not None
    assert result.data["trees"] == [{"__typename": "Tree", "name": "4", "twice": 8, "leaf": {"number": 3, "text": "t"}}]
    assert result.data["tree"]["leaves"][1] is None
    assert result.data["tree"]["strict"]["id"] == "7"
