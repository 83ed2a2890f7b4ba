//! Embeds the migrations anew when a file is added; the macro by itself only notices edits.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
