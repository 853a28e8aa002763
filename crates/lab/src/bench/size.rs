//! What is uploaded: a binary, and that binary in a zip.

use std::fs::File;
use std::io;
use std::path::Path;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::bench::functions::{EMPTY, FUNCTIONS, Functions};
use crate::bench::report::Line;
use crate::error::LabError;
use crate::figures::number;

/// Megabytes.
const LIMIT: f64 = 3.5;

/// What a zip has besides the compressed file `bootstrap`: its local header, its place in the directory, the
/// directory's end, and the name twice. <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, 4.3
const ZIP_HEADERS: u64 = 30 + 46 + 22 + 2 * "bootstrap".len() as u64;

/// Each function's binary as it was built.
pub(crate) fn measure(functions: &Functions<'_>) -> Result<Vec<Line>, LabError> {
    let empty = functions.program(EMPTY);
    let (empty_size, empty_zip) = (size(&empty)?, zip_size(&empty)?);
    let mut lines = Vec::new();
    for function in FUNCTIONS {
        let program = functions.program(function);
        let binary = Line::megabytes(format!("binary of {function}"), size(&program)?);
        let zip = Line::megabytes(format!("zip of {function} (deflate 9)"), zip_size(&program)?);
        lines.push(binary.against("empty function", empty_size));
        lines.push(zip.against("empty function", empty_zip).at_most(LIMIT));
    }
    Ok(lines)
}

fn size(program: &Path) -> io::Result<f64> {
    Ok(number(program.metadata()?.len()) / 1e6)
}

/// Within a percent of what the tools make.
fn zip_size(program: &Path) -> io::Result<f64> {
    let mut encoder = DeflateEncoder::new(io::sink(), Compression::best());
    io::copy(&mut File::open(program)?, &mut encoder)?;
    encoder.try_finish()?;
    Ok(number(encoder.total_out() + ZIP_HEADERS) / 1e6)
}
