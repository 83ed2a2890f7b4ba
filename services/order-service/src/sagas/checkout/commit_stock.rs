//! Takes the held stock for good. Lost stock means that the money goes back (SAG-6).

use saga::{Progress, StepError};
use wire::code;

use super::{Checkout, CheckoutState};
use crate::peers::PeerError;
use crate::sagas::step_error;

pub(super) async fn run(saga: &Checkout, s: &CheckoutState) -> Result<Progress, StepError> {
    match saga.inventory.commit(s.order_id).await {
        Ok(()) => Ok(Progress::Done),
        Err(PeerError::Refused(refused))
            if refused.code == code::RESERVATION_LOST || refused.code == code::RESERVATION_CANCELLED =>
        {
            Ok(Progress::Divert)
        }
        Err(error) => Err(step_error(error)),
    }
}
