//! What is uploaded: a binary, and that binary in a zip.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::bench::report::Line;
use crate::error::LabError;
use crate::figures::number;

/// What a zip has besides the compressed file `bootstrap`: its local header, its place in the directory, the
/// directory's end, and the name twice. <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, 4.3
const ZIP_HEADERS: u64 = 30 + 46 + 22 + 2 * "bootstrap".len() as u64;

/// Each function's binary as it was built. `limit` is in megabytes, of a zip.
pub(crate) fn measure(empty: &Path, functions: &[(&str, PathBuf)], limit: f64) -> Result<Vec<Line>, LabError> {
    let (empty_size, empty_zip) = (size(empty)?, zip_size(empty)?);
    let mut lines = Vec::new();
    for (function, program) in functions {
        let binary = Line::megabytes(format!("binary of {function}"), size(program)?);
        let zip = Line::megabytes(format!("zip of {function} (deflate 9)"), zip_size(program)?);
        lines.push(binary.against("empty function", empty_size));
        lines.push(zip.against("empty function", empty_zip).at_most(limit));
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
