//! JSON bodies of the orders routes.
