//! souk-test-e2e
