//! What can go wrong in the engine itself; a step's failures are not among it.

/// A fault of the engine, its database, or a row that this program cannot read.
#[derive(Debug, thiserror::Error)]
pub enum SagaError {
    /// A saga of this name exists for the subject.
    #[error("the saga {name} was already started for {subject_id}")]
    AlreadyStarted {
        /// The saga's name.
        name: &'static str,
        /// What it is about.
        subject_id: i64,
    },
    /// Another process has taken the saga over; this one must stop.
    #[error("saga {0} was taken over by another process")]
    Fenced(i64),
    /// The database did not answer.
    #[error("could not {doing}")]
    Store {
        /// What was tried.
        doing: &'static str,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// What was learnt cannot be written as JSON, or read from it.
    #[error("the state of a {name} saga cannot be converted")]
    State {
        /// The saga's name.
        name: &'static str,
        /// Where it failed.
        #[source]
        source: serde_json::Error,
    },
    /// The row names a state or a step that this program does not know.
    #[error("saga {id} is at {what}, which this program does not know")]
    Unreadable {
        /// The saga's row.
        id: i64,
        /// The name that is not known.
        what: String,
    },
}

impl SagaError {
    pub(crate) const fn store(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Store { doing, source }
    }
}
