//! A private database server: its own folder, loopback only, a random port, a password that nobody knows.
//! A server that this program did not start is never touched.

mod program;
mod server;
mod tls;

pub use program::{ProgramError, ServerProgram};
pub use server::{Server, ServerError, ServerOptions, end_left_behind};
pub use tls::{TlsFiles, make_tls_files};
