//! The catalogue and its stock: values and rules. Pure: no SQL, no HTTP, no clock.

pub mod category;
pub mod filter;
pub mod gallery;
pub mod hold;
pub mod image;
pub mod picture;
pub mod product;
pub mod refusal;
pub mod reservation;
pub mod search;
pub mod sku;
pub mod slug;

pub use category::Category;
pub use filter::{CategoryKey, Filter, Position, Sort, SortKey};
pub use gallery::{Gallery, Hanging};
pub use hold::{EXTENDED, HoldLines, Ttl};
pub use image::{BadImage, ImageKind};
pub use picture::{Format, PictureFile, PictureId, Size};
pub use product::{NewProduct, Patch, Product, ProductKey};
pub use refusal::{Refusal, ShortLine};
pub use reservation::{Reservation, State};
pub use search::Search;
