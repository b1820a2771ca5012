"""The only room that opens image files: decoding with limits, resizing, thumbnails, overlays."""
