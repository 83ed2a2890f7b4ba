//! JSON bodies of the users routes.
