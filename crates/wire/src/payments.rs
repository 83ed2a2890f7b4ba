//! JSON bodies of the payments routes.
