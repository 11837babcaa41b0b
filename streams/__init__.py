"""The Faust worker: record → decode → authorise → apply → store → emit → acknowledge, one file a step."""
