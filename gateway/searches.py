"""Searches: what GraphQL and REST do alike."""

from gateway import inputs
from gateway.context import RequestContext
from services.contracts.search import SearchFilter, SearchKind, SearchPage, SearchSort, Suggestions


def page_of(context: RequestContext, text: str, filter: SearchFilter, sort: SearchSort, asked: inputs.Page, facets: bool) -> SearchPage:
    """A page of hits. What they are of comes together, when it is asked for.

    Raises InvalidInput that names the field: a cursor of another search, a price without its currency.
    """
    with inputs.named_for_clients():
        page = context.gateway.search.search(text=text, filter=filter, sort=sort, first=asked.first, after=asked.after, facets=facets)
    loaders = context.loaders
    drops = [hit.id for hit in page.hits if hit.kind is SearchKind.DROP]
    loaders.drops.expect(drops)
    loaders.stocks.expect(drops)
    loaders.reminders.expect(drops)
    loaders.products.expect(hit.product_id for hit in page.hits if hit.product_id)
    loaders.profiles.expect(hit.creator_id for hit in page.hits)
    return page


def suggestions(context: RequestContext, text: str, first: int) -> Suggestions:
    return context.gateway.search.suggest(text=text, first=first)
