//! `POST /auth/register`

use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use souk_http::{Checks, Json, Problem, ProblemBody};
use types::{Email, Role};
use wire::users::{Register, Registered};

use crate::domain::{self, Profile, Refusal};
use crate::error::UserError;
use crate::state::AppState;
use crate::store::users::{self, NewAccount};

/// Makes an account, as `customer` or `seller`.
///
/// Any other role is refused with `role-not-allowed`, an address that has an account with `email-taken`; all
/// values that are not valid are named at once. Signing in is a request of its own.
#[utoipa::path(post, path = "/auth/register", tag = "auth", request_body = Register, security(()),
    extensions(("x-access" = json!("anyone"))),
    responses(
        (status = 201, body = Registered),
        (status = 403, body = ProblemBody, description = "role-not-allowed"),
        (status = 409, body = ProblemBody, description = "email-taken"),
        (status = 422, body = ProblemBody, description = "invalid-request"),
        (status = 503, body = ProblemBody, description = "busy")))]
#[tracing::instrument(name = "user.register", skip_all)]
pub async fn register_user(
    State(app): State<AppState>,
    Json(body): Json<Register>,
) -> Result<impl IntoResponse, Problem> {
    let role = role(body.role.as_deref(), app.open_seller_signup)?;
    let mut checks = Checks::new();
    let email = checks.take("/email", Email::parse(&body.email));
    let password = checks.take(
        "/password",
        app.password_rules.check(&body.password, email.as_ref()),
    );
    let mut name = |pointer, text: Option<&str>| checks.take(pointer, domain::name(text.unwrap_or_default()));
    let profile = Profile {
        first_name: name("/firstName", body.first_name.as_deref()).flatten(),
        last_name: name("/lastName", body.last_name.as_deref()).flatten(),
        phone: None,
    };
    checks.finish()?;
    let (Some(email), Some(password)) = (email, password) else {
        return Err(Problem::fault("a value was refused without a word"));
    };

    let mut conn = app
        .db
        .acquire()
        .await
        .map_err(UserError::store("reach the database"))?;
    // Spares the hash where the answer is known; the index decides when two arrive at once.
    if users::by_email(&mut conn, &email).await?.is_some() {
        return Err(Refusal::EmailTaken.into());
    }
    drop(conn);
    let password_hash = app.hasher.hash(password).await?;
    let new = NewAccount {
        email: &email,
        password_hash: &password_hash,
        profile: &profile,
        role,
    };
    let mut conn = app
        .db
        .acquire()
        .await
        .map_err(UserError::store("reach the database"))?;
    let account = users::insert(&mut conn, new, app.clock.now()).await?;
    tracing::info!(user.id = %account.id, role = role.name(), "an account was made");
    let message = "The account was made; sign in with it.".to_owned();
    let user = account.into();
    Ok((StatusCode::CREATED, Json(Registered { message, user })))
}

/// The role that registering gives (AUT-1).
fn role(asked: Option<&str>, sellers: bool) -> Result<Role, Refusal> {
    match asked.map(|word| (word, word.parse())) {
        None | Some((_, Ok(Role::Customer))) => Ok(Role::Customer),
        Some((_, Ok(Role::Seller))) if sellers => Ok(Role::Seller),
        Some((_, Ok(Role::Seller))) => Err(Refusal::SellersByInvitation),
        Some((word, Ok(Role::Admin) | Err(_))) => Err(Refusal::RoleNotAllowed(
            word.chars().filter(|c| !c.is_control()).take(40).collect(),
        )),
    }
}
