//! How requests go wrong.

use std::time::Duration;

use http::StatusCode;

use super::{HANGS, LATE, millis};
use crate::error::ApiError;
use crate::form::{Params, required};

/// What happens to a request instead of its answer.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// It takes longer.
    Delay(Duration),
    /// It is answered with an error of this status.
    Status(StatusCode),
    /// It gets no answer for so long; then its connection breaks.
    Hang(Duration),
    /// Its connection breaks in the middle of the answer.
    Cut,
}

/// How a request goes wrong: before the work, which then is not done, or after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    act: Act,
    after: bool,
}

/// What is answered instead.
#[derive(Debug)]
pub(crate) enum Broken {
    Error(ApiError),
    Cut,
}

impl Fault {
    /// The one that `params` describe.
    pub(super) fn take(params: &mut Params) -> Result<Self, ApiError> {
        let words = ["delay", "status", "hang", "cut"];
        let word = required("do", params.choice("do", &words)?)?;
        let act = match word.as_str() {
            "delay" => Act::Delay(millis(params, LATE)?),
            "status" => Act::Status(status(params)?),
            "hang" => Act::Hang(millis(params, HANGS)?),
            _ => Act::Cut,
        };
        let after = params.flag("after")?.unwrap_or(false);
        Ok(Self { act, after })
    }

    pub(super) fn name(self) -> &'static str {
        match self.act {
            Act::Delay(_) => "delay",
            Act::Status(_) => "status",
            Act::Hang(_) => "hang",
            Act::Cut => "cut",
        }
    }

    /// What goes wrong before the work.
    pub(crate) async fn before(self) -> Result<(), Broken> {
        if self.after { Ok(()) } else { self.strike().await }
    }

    /// What goes wrong after the work.
    pub(crate) async fn after(self) -> Result<(), Broken> {
        if self.after { self.strike().await } else { Ok(()) }
    }

    async fn strike(self) -> Result<(), Broken> {
        match self.act {
            Act::Delay(span) => {
                tokio::time::sleep(span).await;
                Ok(())
            }
            Act::Status(status) => Err(Broken::Error(ApiError::on_demand(status))),
            Act::Hang(span) => {
                tokio::time::sleep(span).await;
                Err(Broken::Cut)
            }
            Act::Cut => Err(Broken::Cut),
        }
    }
}

fn status(params: &mut Params) -> Result<StatusCode, ApiError> {
    let number = required("status", params.integer("status")?)?;
    u16::try_from(number)
        .ok()
        .filter(|n| (400..600).contains(n))
        .and_then(|n| StatusCode::from_u16(n).ok())
        .ok_or_else(|| ApiError::invalid("status", "This value must be between 400 and 599."))
}
