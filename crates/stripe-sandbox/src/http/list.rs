//! Lists: newest first, by pages.

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::form::Params;
use crate::state::{Row, Table};

/// Which page is wanted.
pub(super) struct Paging {
    limit: usize,
    after: Option<String>,
    before: Option<String>,
    since: Option<i64>,
    until: Option<i64>,
}

impl Paging {
    /// Takes `limit`, `starting_after`, `ending_before` and `created`.
    pub(super) fn take(params: &mut Params) -> Result<Self, ApiError> {
        let limit = params.integer("limit")?.unwrap_or(10);
        let limit = usize::try_from(limit)
            .ok()
            .filter(|n| (1..=100).contains(n))
            .ok_or_else(|| {
                let why = "This value must be between 1 and 100.";
                ApiError::invalid("limit", why).code("parameter_invalid_integer")
            })?;
        let (mut since, mut until) = (None, None);
        if let Some(at) = params.exactly("created")? {
            (since, until) = (Some(at), Some(at));
        } else if let Some(mut range) = params.nested("created")? {
            let above = range.integer("gt")?.map(|at| at.saturating_add(1));
            let below = range.integer("lt")?.map(|at| at.saturating_sub(1));
            since = range.integer("gte")?.max(above);
            until = range.integer("lte")?.or(below);
            range.finish()?;
        }
        let after = params.word("starting_after")?;
        let before = params.word("ending_before")?;
        if after.is_some() && before.is_some() {
            let why = "You cannot use both starting_after and ending_before.";
            return Err(ApiError::invalid("ending_before", why));
        }
        Ok(Self {
            limit,
            after,
            before,
            since,
            until,
        })
    }

    /// The page of those rows that `wanted` takes.
    pub(super) fn page<T: Row>(
        &self,
        table: &Table<T>,
        url: &str,
        wanted: impl Fn(&T) -> bool,
        render: impl Fn(usize, &T) -> Value,
    ) -> Result<Value, ApiError> {
        let place = |param: &str, id: &str| {
            table
                .position(id)
                .ok_or_else(|| ApiError::no_such(T::NOUN, param, id))
        };
        let end = match &self.after {
            Some(id) => place("starting_after", id)?,
            None => table.rows().len(),
        };
        let start = match &self.before {
            Some(id) => place("ending_before", id)?.saturating_add(1),
            None => 0,
        };
        let wanted = |row: &T| {
            let created = row.created();
            self.since.is_none_or(|s| created >= s) && self.until.is_none_or(|u| created <= u) && wanted(row)
        };
        let rows = table
            .rows()
            .iter()
            .enumerate()
            .skip(start)
            .take(end.saturating_sub(start));
        let rows = rows.filter(|(_, row)| wanted(row));
        // One more than asked for tells whether there are more; backwards, the page is what comes just before.
        let mut page: Vec<(usize, &T)> = if self.before.is_some() {
            rows.take(self.limit + 1).collect()
        } else {
            rows.rev().take(self.limit + 1).collect()
        };
        let more = page.len() > self.limit;
        page.truncate(self.limit);
        if self.before.is_some() {
            page.reverse();
        }
        let data: Vec<Value> = page
            .into_iter()
            .map(|(position, row)| render(position, row))
            .collect();
        Ok(json!({"object": "list", "data": data, "has_more": more, "url": url}))
    }
}
