"""The bounded contexts of LiveDrops, the contracts between them and the kernel below them."""
