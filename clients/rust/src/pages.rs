use std::future::Future;

use futures_util::stream::{Stream, TryStreamExt, iter, try_unfold};

use crate::Error;

/// All items of a list, beginning with the page of `query`. `list` returns the items of a page and
/// the query of the page after it. An error is the last item.
pub fn stream<Query, Item, Page>(
    query: Query,
    list: impl Fn(Query) -> Page,
) -> impl Stream<Item = Result<Item, Error>>
where
    Page: Future<Output = Result<(Vec<Item>, Option<Query>), Error>>,
{
    try_unfold((Some(query), list), |(query, list)| async move {
        let Some(query) = query else { return Ok::<_, Error>(None) };
        let (items, next) = list(query).await?;
        Ok(Some((iter(items.into_iter().map(Ok)), (next, list))))
    })
    .try_flatten()
}
