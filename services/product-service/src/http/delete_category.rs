//! `DELETE /categories/{id}`.

use axum::extract::State;
use souk_http::{Caller, IfMatch, Json, PathId, Problem, ProblemBody, etag_of_version};
use types::{CategoryId, Role};
use wire::Message;

use crate::AppState;
use crate::store::{categories, fault};

/// Deletes a category that nothing is in; refused with `category-in-use` while it has children or products.
#[utoipa::path(delete, path = "/categories/{id}", tag = "categories",
    security(("bearer" = [])), extensions(("x-access" = json!("admin"))), params(("id" = CategoryId, Path)),
    responses((status = 200, body = Message), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 412, body = ProblemBody)))]
#[tracing::instrument(name = "category.delete", skip_all, fields(category.id = %id))]
pub(super) async fn delete_category(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId<CategoryId>,
    if_match: IfMatch,
) -> Result<Json<Message>, Problem> {
    caller.require(&[Role::Admin])?;
    let mut tx = pg::begin(&app.db).await.map_err(fault("begin a transaction"))?;
    categories::lock_tree(&mut tx).await?;
    let category = categories::lock(&mut tx, id).await?;
    if_match.check(&etag_of_version(category.version))?;
    categories::delete(&mut tx, id).await?;
    tx.commit().await.map_err(fault("commit a category's end"))?;
    app.categories_changed();
    Ok(Json(Message {
        message: "The category was deleted.".to_owned(),
    }))
}
