//! Events out.

use bus::Topic;

/// What happens to products. Nobody subscribes yet; what orders do to their stock is not told.
pub const PRODUCTS: Topic = Topic {
    aggregate: "product",
    subscribers: &[],
};
