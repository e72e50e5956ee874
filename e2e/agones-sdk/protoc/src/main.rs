//! As much of protoc as prost-build 0.13 calls: `protoc [--include_imports] [--include_source_info] -o FILE -I DIR …
//! FILES …`. With it the official Agones crate builds where no protoc is installed.

use std::error::Error;
use std::path::PathBuf;

use protox::Compiler;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (mut imports, mut sources) = (false, false);
    let mut output = None;
    let mut includes = Vec::new();
    let mut files = Vec::new();
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .map(PathBuf::from)
                .ok_or("a path is missing")
        };
        match argument.as_str() {
            "--include_imports" => imports = true,
            "--include_source_info" => sources = true,
            "-o" => output = Some(value()?),
            "-I" => includes.push(value()?),
            other if other.starts_with('-') => return Err(format!("unknown: {other}").into()),
            file => files.push(PathBuf::from(file)),
        }
    }
    let mut compiler = Compiler::new(includes)?;
    compiler
        .include_imports(imports)
        .include_source_info(sources);
    compiler.open_files(files)?;
    std::fs::write(
        output.ok_or("-o is missing")?,
        compiler.encode_file_descriptor_set(),
    )?;
    Ok(())
}
