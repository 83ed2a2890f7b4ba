//! The category tree.

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::CategoryId;

use super::fault;
use crate::domain::{Category, Refusal};
use crate::error::ProductError;

/// Whoever moves or makes a category holds this lock: two moves that are right alone can be a circle together.
const TREE: i64 = 0x736f_756b_0001;

struct CategoryRow {
    id: i64,
    parent_id: Option<i64>,
    name: String,
    slug: String,
    description: String,
    version: i64,
}

impl TryFrom<CategoryRow> for Category {
    type Error = ProductError;

    fn try_from(row: CategoryRow) -> Result<Self, ProductError> {
        let id = |_| ProductError::Corrupt("category");
        Ok(Self {
            id: CategoryId::new(row.id).map_err(id)?,
            parent_id: row.parent_id.map(CategoryId::new).transpose().map_err(id)?,
            name: row.name,
            slug: row.slug,
            description: row.description,
            version: row.version,
        })
    }
}

/// All categories, by name.
#[tracing::instrument(name = "db.categories.all", skip_all)]
pub async fn all(conn: &mut PgConnection) -> Result<Vec<Category>, ProductError> {
    sqlx::query_as!(
        CategoryRow,
        "select id, parent_id, name, slug, description, version from categories order by name, id",
    )
    .fetch_all(conn)
    .await
    .map_err(fault("read the categories"))?
    .into_iter()
    .map(Category::try_from)
    .collect()
}

/// Keeps others from changing the tree until the transaction ends.
#[tracing::instrument(name = "db.categories.lock_tree", skip_all)]
pub async fn lock_tree(conn: &mut PgConnection) -> Result<(), ProductError> {
    sqlx::query!("select pg_advisory_xact_lock($1)", TREE)
        .execute(conn)
        .await
        .map_err(fault("lock the categories"))?;
    Ok(())
}

/// The category, locked until the transaction ends.
#[tracing::instrument(name = "db.categories.lock", skip_all, fields(category.id = %id))]
pub async fn lock(conn: &mut PgConnection, id: CategoryId) -> Result<Category, ProductError> {
    sqlx::query_as!(
        CategoryRow,
        r#"
        select id, parent_id, name, slug, description, version
          from categories
         where id = $1
           for no key update
        "#,
        id.get(),
    )
    .fetch_optional(conn)
    .await
    .map_err(fault("lock a category"))?
    .ok_or(Refusal::NoCategory)?
    .try_into()
}

/// How a category would stand under a parent.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    /// How deep the parent is, from 1; none if there is no such category.
    pub parent_depth: Option<i64>,
    /// How many levels the category has, itself included; 1 if it is new.
    pub height: i64,
    /// Whether the parent is the category itself or below it.
    pub is_circle: bool,
}

/// How `moved`, or a new category, would stand under `parent`.
#[tracing::instrument(name = "db.categories.fit", skip_all)]
pub async fn fit(
    conn: &mut PgConnection,
    moved: Option<CategoryId>,
    parent: CategoryId,
) -> Result<Fit, ProductError> {
    sqlx::query_as!(
        Fit,
        r#"
        with recursive up as (
            select id, parent_id, 1::bigint as depth from categories where id = $2
            union all
            select c.id, c.parent_id, u.depth + 1
              from up u join categories c on c.id = u.parent_id where u.depth < 100
        ), down as (
            select id, 1::bigint as height from categories where id = $1
            union all
            select c.id, d.height + 1
              from down d join categories c on c.parent_id = d.id where d.height < 100
        )
        select (select max(depth) from up) as parent_depth,
               coalesce((select max(height) from down), 1) as "height!",
               exists (select from up where id = $1) as "is_circle!"
        "#,
        moved.map(CategoryId::get),
        parent.get(),
    )
    .fetch_one(conn)
    .await
    .map_err(fault("look at the categories"))
}

/// Writes a new category.
#[tracing::instrument(name = "db.categories.insert", skip_all)]
pub async fn insert(
    conn: &mut PgConnection,
    parent: Option<CategoryId>,
    (name, slug, description): (&str, &str, &str),
    at: OffsetDateTime,
) -> Result<Category, ProductError> {
    sqlx::query_as!(
        CategoryRow,
        r#"
        insert into categories (parent_id, name, slug, description, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $5)
        returning id, parent_id, name, slug, description, version
        "#,
        parent.map(CategoryId::get),
        name,
        slug,
        description,
        at,
    )
    .fetch_one(conn)
    .await
    .map_err(|error| refused(error, name))?
    .try_into()
}

/// Writes `category` back; the caller holds its lock. Its slug stays.
#[tracing::instrument(name = "db.categories.save", skip_all, fields(category.id = %category.id))]
pub async fn save(
    conn: &mut PgConnection,
    category: &Category,
    at: OffsetDateTime,
) -> Result<(), ProductError> {
    sqlx::query!(
        r#"
        update categories
           set parent_id = $2, name = $3, description = $4, version = version + 1, updated_at = $5
         where id = $1
        "#,
        category.id.get(),
        category.parent_id.map(CategoryId::get),
        category.name,
        category.description,
        at,
    )
    .execute(conn)
    .await
    .map_err(|error| refused(error, &category.name))?;
    Ok(())
}

/// Deletes a category that nothing is in. Deleted products forget that they were.
#[tracing::instrument(name = "db.categories.delete", skip_all, fields(category.id = %id))]
pub async fn delete(conn: &mut PgConnection, id: CategoryId) -> Result<(), ProductError> {
    sqlx::query!(
        "update products set category_id = null where category_id = $1 and deleted_at is not null",
        id.get(),
    )
    .execute(&mut *conn)
    .await
    .map_err(fault("empty a category"))?;
    let gone = sqlx::query!("delete from categories where id = $1", id.get())
        .execute(conn)
        .await
        .map_err(|error| match pg::constraint_of(&error) {
            Some("categories_parent_fkey" | "products_category_fkey") => Refusal::CategoryInUse(id).into(),
            _ => fault("delete a category")(error),
        })?;
    if gone.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Refusal::NoCategory.into())
    }
}

fn refused(error: sqlx::Error, name: &str) -> ProductError {
    match pg::constraint_of(&error) {
        Some("categories_slug_key") => Refusal::CategoryTaken(name.to_owned()).into(),
        _ => fault("write a category")(error),
    }
}
