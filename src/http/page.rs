//! Lists: a page at a time, each with the cursor of the next.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::db::keyset;
use crate::error::Result;
use crate::invalid::Invalid;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// Where the next page starts: send it as `after`. Null at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Cuts what was read, one item more than asked for, to a page; `cursor` is made of the last item.
    pub fn cut(mut items: Vec<T>, limit: Limit, cursor: impl FnOnce(&T) -> String) -> Self {
        let more = items.len() > limit.size();
        items.truncate(limit.size());
        let next = if more { items.last().map(cursor) } else { None };
        Self { items, next }
    }
}

/// What a list is asked for that can only be paged through.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// `next` of the page before.
    pub after: Option<String>,
    /// Items a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    pub limit: Limit,
}

impl PageQuery {
    /// Where the page before ended, in the list of this name; nothing at its start.
    ///
    /// # Errors
    /// 400 where the cursor is of another list, or none at all.
    pub fn place<T: DeserializeOwned>(&self, app: &App, list: &str) -> Result<Option<T>> {
        self.after.as_deref().map(|after| keyset::decode(app, list, after)).transpose()
    }
}

/// How many items a page has: 1 to 100, 25 where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct Limit(u8);

impl Limit {
    /// As many as a page may have.
    pub const MOST: Self = Self(100);

    /// The number of items.
    pub fn size(self) -> usize {
        self.0.into()
    }

    /// One more than the number of items: whether it comes tells whether there is a next page.
    pub fn and_one(self) -> i64 {
        i64::from(self.0) + 1
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(25)
    }
}

impl TryFrom<u64> for Limit {
    type Error = Invalid;

    fn try_from(value: u64) -> Result<Self, Invalid> {
        match u8::try_from(value) {
            Ok(limit @ 1..=100) => Ok(Self(limit)),
            _ => Err(Invalid::new("out_of_range", "A page has 1 to 100 items.")),
        }
    }
}
