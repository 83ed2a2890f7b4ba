//! Collects every value of a request that is not valid, so that the client mends them in one go.

use std::fmt::Display;

use crate::problem::{FieldError, Problem};

/// Parses values one by one and refuses them all together.
#[derive(Debug, Default)]
pub struct Checks(Vec<FieldError>);

impl Checks {
    /// Nothing wrong yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value, or a note of what is wrong at `pointer`.
    pub fn take<T, E: Display>(&mut self, pointer: &str, value: Result<T, E>) -> Option<T> {
        value.map_err(|why| self.refuse(pointer, why)).ok()
    }

    /// Notes that the value at `pointer` is not valid.
    pub fn refuse(&mut self, pointer: &str, detail: impl Display) {
        self.0.push(FieldError {
            pointer: pointer.to_owned(),
            detail: detail.to_string(),
        });
    }

    /// Text of `min` to `max` characters, trimmed, without control characters (line breaks aside).
    pub fn text(&mut self, pointer: &str, value: &str, min: usize, max: usize) -> Option<String> {
        let value = value.trim();
        let length = value.chars().count();
        if value
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        {
            self.refuse(pointer, "control characters are not taken");
        } else if length < min || length > max {
            self.refuse(
                pointer,
                format!("must have {min} to {max} characters, not {length}"),
            );
        } else {
            return Some(value.to_owned());
        }
        None
    }

    /// A problem that names them all, if any value was refused.
    pub fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(self.0))
        }
    }
}
