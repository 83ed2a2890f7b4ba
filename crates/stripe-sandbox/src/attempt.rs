//! Attempts: a card is tried for an intent, and both say what came of it.

use serde_json::Value;

use crate::cards::{AUTHENTICATION_FAILED, AUTHENTICATION_REQUIRED, After, Decline, Outcome};
use crate::error::ApiError;
use crate::form::Params;
use crate::id;
use crate::objects::{
    BalanceTransaction, Charge, Failure, IntentStatus, Movement, PaymentError, PaymentIntent, PaymentMethod,
    payment_fee,
};
use crate::sandbox::Transaction;

/// How soon the cards that are disputed are, in seconds.
const DISPUTED_AFTER: i64 = 2;

/// The card that the parameters name: `payment_method=pm_card_visa`, or `payment_method_data` with a test token.
/// Card numbers are refused, wherever they stand.
pub(crate) fn named(params: &mut Params) -> Result<Option<String>, ApiError> {
    let method = params.word("payment_method")?;
    if method.as_deref().is_some_and(like_a_card_number) {
        return Err(ApiError::raw_card());
    }
    let Some(mut data) = params.nested("payment_method_data")? else {
        return Ok(method);
    };
    let kind = data.choice("type", &["card"])?;
    let mut card = crate::form::required("payment_method_data[card]", data.nested("card")?)?;
    if kind.is_none() || card.has("number") {
        return Err(ApiError::raw_card());
    }
    let token = crate::form::required("payment_method_data[card][token]", card.word("token")?)?;
    card.finish()?;
    data.finish()?;
    let name = token.strip_prefix("tok_").unwrap_or(&token);
    Ok(Some(format!("pm_card_{name}")))
}

fn like_a_card_number(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (12..=19).contains(&digits) && text.bytes().all(|b| b.is_ascii_digit() || b == b' ' || b == b'-')
}

/// Refuses a card where the intent takes none.
pub(crate) fn allowed(intent: &PaymentIntent, method: &PaymentMethod) -> Result<(), ApiError> {
    if intent.payment_method_types.iter().any(|kind| kind == "card") {
        return Ok(());
    }
    let why = format!(
        "The PaymentMethod provided ({}) is of type card, which this PaymentIntent does not take.",
        method.id
    );
    Err(ApiError::invalid("payment_method", why))
}

/// There is nothing to confirm with.
pub(crate) fn no_method() -> ApiError {
    ApiError::state(
        "payment_intent_unexpected_state",
        "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the \
         PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment \
         method or ConfirmationToken.",
    )
}

/// Tries `method`. `offline` is a payer who is not there to pass 3-D Secure.
pub(crate) fn confirm(
    transaction: &mut Transaction<'_>,
    mut intent: PaymentIntent,
    method: &PaymentMethod,
    offline: bool,
) -> Result<Value, ApiError> {
    match method.card.outcome() {
        Outcome::Succeeds => Ok(succeed(transaction, intent, method, false).render()),
        Outcome::Declines(decline) => Err(refused(transaction, intent, method, decline)),
        Outcome::Authenticates(_) if offline => {
            Err(refused(transaction, intent, method, &AUTHENTICATION_REQUIRED))
        }
        Outcome::Authenticates(_) => {
            intent.status = IntentStatus::RequiresAction;
            intent.payment_method = Some(method.id.clone());
            intent.last_payment_error = None;
            transaction.save_intent(&intent, &["payment_intent.requires_action"]);
            Ok(intent.render())
        }
    }
}

/// The payer passed 3-D Secure, or did not.
pub(crate) fn authenticated(
    transaction: &mut Transaction<'_>,
    intent: PaymentIntent,
    method: &PaymentMethod,
    passed: bool,
) -> PaymentIntent {
    match method.card.outcome() {
        _ if !passed => fail(transaction, intent, method, &AUTHENTICATION_FAILED, None),
        Outcome::Succeeds | Outcome::Authenticates(None) => succeed(transaction, intent, method, true),
        Outcome::Declines(decline) | Outcome::Authenticates(Some(decline)) => {
            decline_charge(transaction, intent, method, decline).0
        }
    }
}

fn succeed(
    transaction: &mut Transaction<'_>,
    mut intent: PaymentIntent,
    method: &PaymentMethod,
    authenticated: bool,
) -> PaymentIntent {
    let mut charge = Charge {
        authenticated,
        ..charge(transaction, &intent, method)
    };
    let mut moved = BalanceTransaction::new(
        transaction.now,
        Movement::Charge,
        charge.amount,
        &charge.currency,
        &charge.id,
    );
    moved.fee = payment_fee(charge.amount);
    charge.balance_transaction = Some(moved.id.clone());
    if let After::Dispute { .. } = method.card.after() {
        charge.disputes_at = Some(transaction.now + DISPUTED_AFTER);
    }
    intent.status = IntentStatus::Succeeded;
    intent.payment_method = Some(method.id.clone());
    intent.latest_charge = Some(charge.id.clone());
    intent.last_payment_error = None;
    transaction.save_balance(&moved);
    transaction.save_charge(&charge, &["charge.succeeded"]);
    transaction.save_intent(&intent, &["payment_intent.succeeded"]);
    intent
}

/// A decline as the one who confirmed is told of it.
fn refused(
    transaction: &mut Transaction<'_>,
    intent: PaymentIntent,
    method: &PaymentMethod,
    decline: &Decline,
) -> ApiError {
    let (intent, charge) = decline_charge(transaction, intent, method, decline);
    ApiError::card(decline)
        .with("charge", charge)
        .with("payment_intent", intent.render())
        .with("payment_method", method.render())
}

fn decline_charge(
    transaction: &mut Transaction<'_>,
    mut intent: PaymentIntent,
    method: &PaymentMethod,
    decline: &Decline,
) -> (PaymentIntent, String) {
    let failure = Failure {
        code: decline.code.to_owned(),
        reason: decline.decline_code.unwrap_or(decline.code).to_owned(),
        message: decline.message.to_owned(),
    };
    let charge = Charge {
        failure: Some(failure),
        ..charge(transaction, &intent, method)
    };
    intent.latest_charge = Some(charge.id.clone());
    transaction.save_charge(&charge, &["charge.failed"]);
    let intent = fail(transaction, intent, method, decline, Some(charge.id.clone()));
    (intent, charge.id)
}

/// The intent waits for another card.
fn fail(
    transaction: &mut Transaction<'_>,
    mut intent: PaymentIntent,
    method: &PaymentMethod,
    decline: &Decline,
    charge: Option<String>,
) -> PaymentIntent {
    intent.status = IntentStatus::RequiresPaymentMethod;
    intent.payment_method = None;
    intent.last_payment_error = Some(PaymentError {
        code: decline.code.to_owned(),
        decline_code: decline.decline_code.map(str::to_owned),
        message: decline.message.to_owned(),
        charge,
        payment_method: method.clone(),
    });
    transaction.save_intent(&intent, &["payment_intent.payment_failed"]);
    intent
}

fn charge(transaction: &Transaction<'_>, intent: &PaymentIntent, method: &PaymentMethod) -> Charge {
    Charge {
        id: id::random("ch"),
        created: transaction.now,
        amount: intent.amount,
        currency: intent.currency.clone(),
        payment_intent: intent.id.clone(),
        payment_method: method.clone(),
        metadata: intent.metadata.clone(),
        description: intent.description.clone(),
        receipt_email: intent.receipt_email.clone(),
        amount_refunded: 0,
        balance_transaction: None,
        dispute: None,
        disputes_at: None,
        authenticated: false,
        failure: None,
    }
}
