//! Pages of a list, by number.

/// Page `number` (from 1) of `limit` rows each; at most 10,000 rows deep (PAG-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    number: u32,
    limit: u32,
}

/// Why there is no such page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPage {
    /// `page` is below 1.
    #[error("page is a whole number from 1")]
    Number,
    /// `limit` is not within 1..=100.
    #[error("limit is a whole number from 1 to 100")]
    Limit,
    /// Deeper than page numbers reach.
    #[error("pages reach 10,000 rows deep; use cursor to go further")]
    TooDeep,
}

impl Page {
    /// The rows of a page where the client does not say.
    pub const DEFAULT_LIMIT: u32 = 20;
    /// The most rows of a page.
    pub const MAX_LIMIT: u32 = 100;
    /// How deep page numbers reach, in rows.
    pub const MAX_DEPTH: u64 = 10_000;

    /// Checks both numbers.
    pub fn new(number: i64, limit: i64) -> Result<Self, BadPage> {
        let limit = Self::limit_of(limit)?;
        let number = u32::try_from(number)
            .ok()
            .filter(|n| *n >= 1)
            .ok_or(BadPage::Number)?;
        if u64::from(number) * u64::from(limit) > Self::MAX_DEPTH {
            return Err(BadPage::TooDeep);
        }
        Ok(Self { number, limit })
    }

    /// Checks a limit alone, for lists by cursor.
    pub fn limit_of(limit: i64) -> Result<u32, BadPage> {
        u32::try_from(limit)
            .ok()
            .filter(|l| (1..=Self::MAX_LIMIT).contains(l))
            .ok_or(BadPage::Limit)
    }

    /// The page's number, from 1.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.number
    }

    /// Rows a page.
    #[must_use]
    pub const fn limit(self) -> u32 {
        self.limit
    }

    /// How many rows come before it.
    #[must_use]
    pub const fn offset(self) -> i64 {
        (self.number as i64 - 1) * self.limit as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // PAG-3
    #[test]
    fn pages_are_bounded_in_size_and_depth() {
        assert_eq!(Page::new(3, 20).unwrap().offset(), 40);
        assert_eq!(Page::new(100, 100).unwrap().number(), 100);
        assert_eq!(Page::new(101, 100), Err(BadPage::TooDeep));
        assert_eq!(Page::new(0, 20), Err(BadPage::Number));
        assert_eq!(Page::new(1, 101), Err(BadPage::Limit));
        assert_eq!(Page::new(1, -1), Err(BadPage::Limit));
    }
}
