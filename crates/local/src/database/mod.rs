//! A private database server: its own folder, loopback only, a free port, a random password. A server that this program
//! did not start is never touched.

mod error;
mod initialize;
mod left_behind;
mod options;
mod program;
mod server;
mod tls;

pub use error::ServerError;
pub use left_behind::end_left_behind;
pub use options::ServerOptions;
pub use program::{ProgramError, ServerProgram};
pub use server::Server;
pub(crate) use server::free_port;
pub use tls::{TlsFiles, make_tls_files, make_tls_files_for};
