//! Which products a list shows, in which order, and where it goes on.

use serde::{Deserialize, Serialize};
use types::{CategoryId, UserId};

use super::search::Search;

/// The order of a list. Each has the id as its last word, so that no two products stand in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Best match first; only with a search.
    Relevance,
    /// Newest first.
    Newest,
    /// Cheapest first.
    PriceAsc,
    /// Dearest first.
    PriceDesc,
    /// By name.
    Name,
}

impl Sort {
    /// The order that a word asks for. `rating` sorts as `newest` until products have ratings.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "relevance" => Some(Self::Relevance),
            "newest" | "rating" => Some(Self::Newest),
            "price_asc" => Some(Self::PriceAsc),
            "price_desc" => Some(Self::PriceDesc),
            "name" => Some(Self::Name),
            _ => None,
        }
    }

    /// The word for it in a cursor.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relevance => "relevance",
            Self::Newest => "newest",
            Self::PriceAsc => "price_asc",
            Self::PriceDesc => "price_desc",
            Self::Name => "name",
        }
    }
}

/// A category, by either of its names; its subtree is meant too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CategoryKey {
    /// By id.
    Id(CategoryId),
    /// By slug.
    Slug(String),
}

/// Which products.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// That match this.
    pub search: Option<Search>,
    /// In this category or below.
    pub category: Option<CategoryKey>,
    /// Of this seller.
    pub seller: Option<UserId>,
    /// That cost so much at least, in minor units.
    pub min_price: Option<i64>,
    /// That cost so much at most, in minor units.
    pub max_price: Option<i64>,
    /// With one of these tags at least.
    pub tags: Vec<String>,
    /// In the window, or not; absent is both (SRCH-4).
    pub featured: Option<bool>,
    /// That can be bought now, or cannot.
    pub in_stock: Option<bool>,
    /// In this order.
    pub sort: Sort,
}

impl Filter {
    /// Tells this list from others: a cursor works for its own alone (PAG-2).
    #[must_use]
    pub fn list_name(&self) -> String {
        format!("products {self:?}")
    }
}

/// Where a product stands in its order, besides its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SortKey {
    /// The order is by id alone.
    #[serde(rename = "i")]
    Id,
    /// By a number.
    #[serde(rename = "n")]
    Number(i64),
    /// By a text.
    #[serde(rename = "t")]
    Text(String),
}

/// The place after which a list goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position(pub SortKey, pub i64);

#[cfg(test)]
mod tests {
    use super::*;

    // CAT-9
    #[test]
    fn an_order_is_asked_for_by_its_name() {
        use Sort::{Name, Newest, PriceAsc, PriceDesc, Relevance};
        for sort in [Relevance, Newest, PriceAsc, PriceDesc, Name] {
            assert_eq!(Sort::named(sort.name()), Some(sort));
        }
        assert_eq!(Sort::named("rating"), Some(Newest), "there are no ratings yet");
        assert_eq!(Sort::named("cheapest"), None);
    }

    // PAG-2
    #[test]
    fn lists_that_differ_in_anything_have_different_names() {
        let every = Filter {
            search: None,
            category: None,
            seller: None,
            min_price: None,
            max_price: None,
            tags: Vec::new(),
            featured: None,
            in_stock: None,
            sort: Sort::Newest,
        };
        let of = |change: fn(&mut Filter)| {
            let mut filter = every.clone();
            change(&mut filter);
            filter.list_name()
        };
        let names = [
            of(|_| {}),
            of(|f| f.search = Search::parse("mug").unwrap()),
            of(|f| f.category = Some(CategoryKey::Slug("7".to_owned()))),
            of(|f| f.category = Some(CategoryKey::Id(CategoryId::new(7).unwrap()))),
            of(|f| f.seller = Some(UserId::new(7).unwrap())),
            of(|f| f.min_price = Some(7)),
            of(|f| f.max_price = Some(7)),
            of(|f| f.tags = vec!["red".to_owned()]),
            of(|f| f.featured = Some(false)),
            of(|f| f.in_stock = Some(false)),
            of(|f| f.sort = Sort::Name),
        ];
        let different: std::collections::HashSet<&String> = names.iter().collect();
        assert_eq!(different.len(), names.len(), "{names:?}");
    }
}
