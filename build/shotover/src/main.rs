//! Shotover as a program: `shotlaunch --topology-file FILE --config-file FILE`.

fn main() {
    shotover::runner::Shotover::new().run_block();
}
