//! Lets the binary find libtorch at run time without `LD_LIBRARY_PATH`, and compiles what is no Rust.
//!
//! It looks beside itself first, as `make dist` lays the two out, so that the folder can be moved anywhere.

const SOURCES: [&str; 3] = ["src/torch/calls.cpp", "src/torch/gpu.cpp", "src/torch/operators.cpp"];

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
    }
    #[cfg(feature = "tch")]
    if let Ok(libtorch) = std::env::var("LIBTORCH") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/../lib/torch/lib");
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
        cc::Build::new()
            .cpp(true)
            .std("c++17")
            .include(format!("{libtorch}/include"))
            .warnings(false)
            .files(SOURCES)
            .compile("patchsweep_torch");
    }
}
