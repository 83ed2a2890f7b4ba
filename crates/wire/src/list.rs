//! Shapes that several resources share.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// Pages in all; absent when paging by cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_pages: Option<i64>,
    /// Send it as `cursor` to go on after this page; null on the last one.
    pub next_cursor: Option<String>,
}

impl Pagination {
    /// A page by number.
    #[must_use]
    pub fn numbered(page: types::Page, total: i64, next_cursor: Option<String>) -> Self {
        let limit = page.limit();
        let total_pages = (total + i64::from(limit) - 1) / i64::from(limit);
        Self {
            page: Some(page.number()),
            limit,
            total: Some(total),
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
