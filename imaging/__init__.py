"""The only place that opens image files: decoding with limits, resizing, thumbnails, overlays."""
