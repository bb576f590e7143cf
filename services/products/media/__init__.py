"""Media: files that creators upload, and everybody sees. A unit of products with an HTTP of its own; the bytes pass through nothing else.

An upload comes in by tus 1.0, piece by piece, and is judged once all of it is there: its type by its bytes, its checksum, and an image by being
read, from which its thumbnails are made. What is ready never changes.
Stores: PostgreSQL for what is known of a file (`media`, by its id), GridFS or S3 for its bytes (`objects`).
Modules: rules (pure), records (PostgreSQL), objects, gridfs and s3 (bytes), uploads and writing (what arrives), settling (what it is),
thumbnails (a process of its own), tus and downloads (HTTP), cleaner, app, library (what the rest of products asks).
"""
