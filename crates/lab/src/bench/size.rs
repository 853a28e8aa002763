//! The size of each binary, and of the zip that is uploaded.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::bench::line::Line;
use crate::error::LabError;
use crate::figures::number;

/// Bytes of a zip beyond the compressed file `bootstrap`: the local header, the entry in the directory, the directory's
/// end, and the name twice. <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, 4.3
const ZIP_HEADERS: u64 = 30 + 46 + 22 + 2 * "bootstrap".len() as u64;

/// In megabytes. Both engines are in it.
const MAX_ZIP: f64 = 4.0;

/// Measures each function's binary.
pub(crate) fn measure(empty: &Path, functions: &[(&str, PathBuf)]) -> Result<Vec<Line>, LabError> {
    let (empty_size, empty_zip) = (size(empty)?, zip_size(empty)?);
    let mut lines = Vec::new();
    for (function, program) in functions {
        let binary = Line::megabytes(format!("binary of {function}"), size(program)?);
        let zip = Line::megabytes(format!("zip of {function} (deflate 9)"), zip_size(program)?);
        lines.push(binary.against("empty function", empty_size));
        lines.push(zip.against("empty function", empty_zip).at_most(MAX_ZIP));
    }
    Ok(lines)
}

fn size(program: &Path) -> io::Result<f64> {
    Ok(number(program.metadata()?.len()) / 1e6)
}

/// Within 1 % of the zips that cargo lambda makes.
fn zip_size(program: &Path) -> io::Result<f64> {
    let mut encoder = DeflateEncoder::new(io::sink(), Compression::best());
    io::copy(&mut File::open(program)?, &mut encoder)?;
    encoder.try_finish()?;
    Ok(number(encoder.total_out() + ZIP_HEADERS) / 1e6)
}
