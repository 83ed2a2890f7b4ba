//! Categories: a tree, at most ten deep.

use types::CategoryId;

/// How deep the tree may be (CAT-1).
pub const MAX_DEPTH: i64 = 10;

/// A category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// Its id.
    pub id: CategoryId,
    /// The category that it is in.
    pub parent_id: Option<CategoryId>,
    /// Its name.
    pub name: String,
    /// Its name in URLs.
    pub slug: String,
    /// What belongs there.
    pub description: String,
    /// Counts its changes.
    pub version: i64,
}
