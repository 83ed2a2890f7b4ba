//! `POST /products/{id}/upload-image`.

use axum::extract::State;
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::response::Response;
use http::StatusCode;
use souk_http::{Caller, IdempotencyKey, PathId, Problem, ProblemBody};
use types::{ProductId, Role};
use wire::products::{UploadForm, UploadedImage};

use super::form::Form;
use super::replay::Once;
use super::view;
use crate::AppState;
use crate::domain::{Format, ImageKind, Refusal, Size};
use crate::images::Rendered;
use crate::ops::pictures::{hang, keep};
use crate::store::{fault, products};

/// Adds a picture to a product: a JPEG, PNG or WebP of at most 10 MiB and 50 million pixels, in the field `image`.
///
/// What the file holds counts, not its name or its declared type. It is encoded anew, as WebP and as JPEG in three sizes;
/// its pixels are all that is kept of it, turned upright. Of a moving one, the first frame is taken.
///
/// The field `alt` says what it shows, in at most 300 characters, for those who cannot see it. It comes after the pictures
/// that are there; with `primary` set to `true` it comes first, and is the one that lists show.
#[utoipa::path(post, path = "/products/{id}/upload-image", tag = "images",
    security(("bearer" = [])), extensions(("x-access" = json!("its seller, admin"))),
    request_body(content_type = "multipart/form-data", content = UploadForm),
    params(("id" = ProductId, Path), ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat harmless")),
    responses((status = 200, body = UploadedImage), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 413, body = ProblemBody), (status = 415, body = ProblemBody),
        (status = 422, body = ProblemBody), (status = 503, body = ProblemBody), (status = 507, body = ProblemBody)))]
#[tracing::instrument(name = "image.upload", skip_all, fields(product.id = %id))]
pub(super) async fn upload_image(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId<ProductId>,
    key: IdempotencyKey,
    multipart: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    caller.require(&[Role::Seller, Role::Admin])?;
    {
        // Before ten megabytes are read for nothing.
        let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
        let seller = products::seller_of(&mut conn, id).await?;
        if seller != caller.id && !caller.is_admin() {
            return Err(Refusal::NotYours.into());
        }
    }
    let place = app.images.line.enter()?;
    let form = Form::read(multipart).await?;
    let kind = ImageKind::of(&form.image).map_err(Refusal::from)?;
    let hash = form.hash(id.get());
    let once = Once::new(&caller, "POST /products/{id}/upload-image", key, hash);
    let Rendered {
        id: picture,
        width,
        height,
        files,
    } = app.images.line.render(place, form.image, kind).await?;
    let now = app.clock.now();
    keep(&app.db, &app.images, &picture, files, now).await?;

    let mut tx = pg::begin(&app.db).await.map_err(fault("begin a transaction"))?;
    if let Some(answer) = once.begin(&mut tx, now).await? {
        return Ok(answer);
    }
    let mut product = products::lock(&mut tx, id).await?;
    product.changeable_by(caller.id, caller.is_admin())?;
    let shown = (form.alt, form.primary);
    hang(&mut tx, &mut product, &picture, shown, caller.actor(), now).await?;
    let uploaded = UploadedImage {
        image_url: app.images.url(picture.as_str()),
        image: picture.file(Size::Full, Format::Jpeg).name(),
        picture: view::picture(&picture, &product.gallery, &app.images),
        width,
        height,
    };
    let answer = once
        .finish(&mut tx, StatusCode::OK, Vec::new(), &uploaded)
        .await?;
    tx.commit().await.map_err(fault("commit an image"))?;
    app.product_changed(id.get());
    Ok(answer)
}
