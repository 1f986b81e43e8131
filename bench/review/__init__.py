"""Many submissions side by side: what each claims, what of it is proven, and how comparable ones rank."""
