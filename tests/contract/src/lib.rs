//! souk-test-contract
