def test_rows(stack):
    rows = stack.client("dynamodb").scan(TableName=stack.parameter("images-table"))["Items"]
    odd = [row for row in rows if "original" not in row]
    print(odd)
    assert not odd
