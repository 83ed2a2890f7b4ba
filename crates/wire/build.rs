//! Generates the gRPC clients and servers from `proto/`, without protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["identity", "inventory", "payments", "orders", "events"]
        .map(|owner| format!("../../proto/souk/{owner}/v1/{owner}.proto"));
    let descriptors = protox::compile(&files, ["../../proto"])?;
    tonic_prost_build::configure()
        .build_transport(false)
        .compile_fds(descriptors)?;
    println!("cargo:rerun-if-changed=../../proto");
    Ok(())
}
