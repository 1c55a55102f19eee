use futures_util::stream::{Stream, TryStreamExt, iter, try_unfold};

use crate::builder::UsersList;
use crate::types::User;
use crate::{Error, ResponseValue};

impl<'a> UsersList<'a> {
    /// All users that match the query. Each page is requested when it is needed. An error is the
    /// last item.
    pub fn stream(self) -> impl Stream<Item = Result<User, Error>> + use<'a> {
        try_unfold(Some(self), |query| async {
            let Some(query) = query else { return Ok::<_, Error>(None) };
            let page = query.clone().send().await.map(ResponseValue::into_inner)?;
            let next = page.next_page.map(|token| query.page_token(token));
            Ok(Some((iter(page.items.into_iter().map(Ok)), next)))
        })
        .try_flatten()
    }
}
