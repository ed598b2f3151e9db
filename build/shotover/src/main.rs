//! Shotover as a program of its own: `shotlaunch --topology-file FILE --config-file FILE`.
fn main() {
    shotover::runner::Shotover::new().run_block();
}
