//! souk-http
