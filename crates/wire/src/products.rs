//! JSON bodies of the products routes.
