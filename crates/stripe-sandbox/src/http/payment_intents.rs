//! `/v1/payment_intents`.

use axum::extract::Path;
use axum::response::Response;

use super::list::Paging;
use super::request::Call;
use crate::attempt;
use crate::error::ApiError;
use crate::form::{Params, required};
use crate::objects::{IntentStatus, Metadata, PaymentIntent, merge};
use crate::state::Row as _;
use crate::{currency, id};

/// Kinds of payment methods that an intent may name; only cards can be tried here.
const KINDS: [&str; 8] = [
    "card",
    "link",
    "klarna",
    "paypal",
    "sepa_debit",
    "us_bank_account",
    "ideal",
    "bancontact",
];
const CONFIRMABLE: &str = "requires_payment_method, requires_confirmation, requires_action";

/// Makes an intent, and confirms it if asked to.
pub(super) async fn create(call: Call) -> Response {
    call.write(|transaction, params| {
        let amount = required("amount", params.integer("amount")?)?;
        let currency = currency::parse(&required("currency", params.word("currency")?)?)?;
        currency::check_amount(amount, &currency)?;
        automatic_only(params)?;
        let (payment_method_types, automatic_payment_methods) = methods(params)?;
        let confirm = params.flag("confirm")?.unwrap_or(false);
        let offline = params.flag("off_session")?.unwrap_or(false);
        let mut intent = PaymentIntent {
            id: id::random("pi"),
            secret: id::letters(25),
            created: transaction.now,
            amount,
            currency,
            status: IntentStatus::RequiresPaymentMethod,
            payment_method_types,
            automatic_payment_methods,
            metadata: Metadata::new(),
            description: None,
            receipt_email: None,
            payment_method: None,
            latest_charge: None,
            last_payment_error: None,
            return_url: params.word("return_url")?,
            canceled_at: None,
            cancellation_reason: None,
        };
        describe(&mut intent, params)?;
        let named = attempt::named(params)?;
        params.finish()?;
        let method = named.map(|id| transaction.payment_method(&id)).transpose()?;
        if let Some(method) = &method {
            attempt::allowed(&intent, method)?;
            intent.payment_method = Some(method.id.clone());
            intent.status = IntentStatus::RequiresConfirmation;
        }
        let method = match (confirm, method) {
            (true, None) => return Err(attempt::no_method()),
            (true, Some(method)) => method,
            (false, _) => {
                transaction.save_intent(&intent, &["payment_intent.created"]);
                return Ok(intent.render());
            }
        };
        transaction.save_intent(&intent, &["payment_intent.created"]);
        attempt::confirm(transaction, intent, &method, offline)
    })
    .await
}

/// Gives one intent. With `client_secret` it must be the right one.
pub(super) async fn retrieve(Path(id): Path<String>, call: Call) -> Response {
    call.read(|state, params| {
        let secret = params.word("client_secret")?;
        params.finish()?;
        let intent = state.intents.get(&id);
        let intent = intent.ok_or_else(|| ApiError::missing(PaymentIntent::NOUN, "intent", &id))?;
        right_secret(intent, secret)?;
        Ok(intent.render())
    })
    .await
}

/// Changes what may be changed: amount, currency and card while it is open, the rest at any time.
pub(super) async fn update(Path(id): Path<String>, call: Call) -> Response {
    call.write(|transaction, params| {
        let mut intent = transaction.intent(&id)?;
        let (amount, code) = (params.integer("amount")?, params.word("currency")?);
        if let Some(code) = code {
            open_for("currency", &intent)?;
            intent.currency = currency::parse(&code)?;
            currency::check_amount(amount.unwrap_or(intent.amount), &intent.currency)?;
        }
        if let Some(amount) = amount {
            open_for("amount", &intent)?;
            currency::check_amount(amount, &intent.currency)?;
            intent.amount = amount;
        }
        describe(&mut intent, params)?;
        let named = attempt::named(params)?;
        params.finish()?;
        if let Some(named) = named {
            open_for("payment_method", &intent)?;
            let method = transaction.payment_method(&named)?;
            attempt::allowed(&intent, &method)?;
            intent.payment_method = Some(method.id);
            intent.status = IntentStatus::RequiresConfirmation;
        }
        transaction.save_intent(&intent, &[]);
        Ok(intent.render())
    })
    .await
}

/// Tries to take the money.
pub(super) async fn confirm(Path(id): Path<String>, call: Call) -> Response {
    call.write(|transaction, params| {
        let mut intent = transaction.intent(&id)?;
        let named = attempt::named(params)?;
        let offline = params.flag("off_session")?.unwrap_or(false);
        params.flag("use_stripe_sdk")?;
        right_secret(&intent, params.word("client_secret")?)?;
        if let Some(url) = params.word("return_url")? {
            intent.return_url = Some(url);
        }
        if let Some(email) = params.text("receipt_email")? {
            intent.receipt_email = Some(email).filter(|e| !e.is_empty());
        }
        params.finish()?;
        match intent.status {
            IntentStatus::RequiresPaymentMethod
            | IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresAction => {}
            IntentStatus::Succeeded => {
                let why = "You cannot confirm this PaymentIntent because it has already succeeded after being \
                           previously confirmed.";
                return Err(unexpected(&intent, why));
            }
            IntentStatus::Canceled => {
                let why = format!(
                    "You cannot confirm this PaymentIntent because it has a status of canceled. Only a PaymentIntent \
                     with one of the following statuses may be confirmed: {CONFIRMABLE}."
                );
                return Err(unexpected(&intent, &why));
            }
        }
        let Some(named) = named.or_else(|| intent.payment_method.clone()) else {
            return Err(attempt::no_method().with("payment_intent", intent.render()));
        };
        let method = transaction.payment_method(&named)?;
        attempt::allowed(&intent, &method)?;
        attempt::confirm(transaction, intent, &method, offline)
    })
    .await
}

/// Ends an intent that was not paid.
pub(super) async fn cancel(Path(id): Path<String>, call: Call) -> Response {
    call.write(|transaction, params| {
        let reasons = ["duplicate", "fraudulent", "requested_by_customer", "abandoned"];
        let reason = params.choice("cancellation_reason", &reasons)?;
        params.finish()?;
        let mut intent = transaction.intent(&id)?;
        if !intent.status.open() {
            let why = format!(
                "You cannot cancel this PaymentIntent because it has a status of {}. Only a PaymentIntent with one of \
                 the following statuses may be canceled: requires_payment_method, requires_capture, \
                 requires_confirmation, requires_action, processing.",
                intent.status.name()
            );
            return Err(unexpected(&intent, &why));
        }
        intent.status = IntentStatus::Canceled;
        intent.canceled_at = Some(transaction.now);
        intent.cancellation_reason = reason;
        transaction.save_intent(&intent, &["payment_intent.canceled"]);
        Ok(intent.render())
    })
    .await
}

/// Lists intents.
pub(super) async fn list(call: Call) -> Response {
    call.read(|state, params| {
        let paging = Paging::take(params)?;
        params.finish()?;
        paging.page(
            &state.intents,
            "/v1/payment_intents",
            |_| true,
            |_, intent| intent.render(),
        )
    })
    .await
}

/// Takes what merely describes an intent; an empty text unsets.
fn describe(intent: &mut PaymentIntent, params: &mut Params) -> Result<(), ApiError> {
    if let Some(changes) = params.texts("metadata")? {
        merge(&mut intent.metadata, changes)?;
    }
    if let Some(text) = params.text("description")? {
        intent.description = Some(text).filter(|t| !t.is_empty());
    }
    if let Some(email) = params.text("receipt_email")? {
        intent.receipt_email = Some(email).filter(|e| !e.is_empty());
    }
    Ok(())
}

/// The kinds of payment methods, and whether Stripe may choose them.
fn methods(params: &mut Params) -> Result<(Vec<String>, bool), ApiError> {
    let kinds = params.list("payment_method_types")?;
    let mut automatic = None;
    if let Some(mut nested) = params.nested("automatic_payment_methods")? {
        automatic = nested.flag("enabled")?;
        nested.choice("allow_redirects", &["always", "never"])?;
        nested.finish()?;
    }
    let Some(kinds) = kinds else {
        return Ok((vec!["card".to_owned()], automatic.unwrap_or(true)));
    };
    if automatic == Some(true) {
        let why = "You cannot enable `automatic_payment_methods` and specify `payment_method_types`.";
        return Err(ApiError::bad_request(why));
    }
    match kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
        None => Ok((kinds, false)),
        Some(kind) => {
            let kind: String = kind.chars().take(40).collect();
            let why = format!("The payment method type \"{kind}\" is invalid.");
            Err(ApiError::invalid("payment_method_types", why))
        }
    }
}

fn automatic_only(params: &mut Params) -> Result<(), ApiError> {
    params.choice("confirmation_method", &["automatic"])?;
    match params
        .choice("capture_method", &["automatic", "automatic_async", "manual"])?
        .as_deref()
    {
        Some("manual") => {
            let why = "The sandbox captures automatically; capture_method=manual is not offered.";
            Err(ApiError::invalid("capture_method", why))
        }
        _ => Ok(()),
    }
}

fn right_secret(intent: &PaymentIntent, given: Option<String>) -> Result<(), ApiError> {
    if given.is_none_or(|secret| secret == intent.client_secret()) {
        return Ok(());
    }
    let why =
        "The client_secret provided does not match the client_secret associated with this PaymentIntent.";
    Err(ApiError::invalid("client_secret", why))
}

fn open_for(what: &str, intent: &PaymentIntent) -> Result<(), ApiError> {
    if intent.status.open() {
        return Ok(());
    }
    let why = format!(
        "This PaymentIntent's {what} could not be updated because it has a status of {}. You may only update the \
         {what} of a PaymentIntent with one of the following statuses: {CONFIRMABLE}.",
        intent.status.name()
    );
    Err(unexpected(intent, &why))
}

fn unexpected(intent: &PaymentIntent, why: &str) -> ApiError {
    ApiError::state("payment_intent_unexpected_state", why).with("payment_intent", intent.render())
}
