//! Shapes that several resources share.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Rows are counted up to here, unless the client asks for all of them (PAG-4).
pub const COUNTED: i64 = 10_000;

/// How many rows a list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// So many.
    Exact(i64),
    /// So many or more: the count stopped there.
    AtLeast(i64),
}

impl Total {
    /// What a count says that stops at [`COUNTED`].
    #[must_use]
    pub const fn up_to_counted(found: i64) -> Self {
        if found < COUNTED {
            Self::Exact(found)
        } else {
            Self::AtLeast(COUNTED)
        }
    }
}

/// Where a page stands in its list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    /// The page's number from 1; absent when paging by cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// Rows a page.
    pub limit: u32,
    /// Rows in all; absent when paging by cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
    /// `at-least` where there may be more than `total`; send `count=exact` to have all of them counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_is: Option<String>,
    /// Pages in all, as far as `total` goes; absent when paging by cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_pages: Option<i64>,
    /// Send it as `cursor` to go on after this page; null on the last one.
    pub next_cursor: Option<String>,
}

impl Pagination {
    /// A page by number.
    #[must_use]
    pub fn numbered(page: types::Page, total: Total, next_cursor: Option<String>) -> Self {
        let limit = page.limit();
        let (total, total_is) = match total {
            Total::Exact(total) => (total, None),
            Total::AtLeast(total) => (total, Some("at-least".to_owned())),
        };
        let total_pages = (total + i64::from(limit) - 1) / i64::from(limit);
        Self {
            page: Some(page.number()),
            limit,
            total: Some(total),
            total_is,
            total_pages: Some(total_pages),
            next_cursor,
        }
    }

    /// A page by cursor.
    #[must_use]
    pub fn by_cursor(limit: u32, next_cursor: Option<String>) -> Self {
        Self {
            limit,
            next_cursor,
            ..Self::default()
        }
    }
}

/// An answer that only says that it was done.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// A sentence.
    pub message: String,
}
