"""Makes two buckets, one of them with object lock, and an account that may use them, on the server that is named. Everything after that is
checked by signature."""

import json
import sys

import boto3

URL = sys.argv[1]
FIRST = {"endpoint_url": URL, "region_name": "eu-central-1", "aws_access_key_id": "first", "aws_secret_access_key": "first"}

iam = boto3.client("iam", **FIRST)
iam.create_user(UserName="storeward")
key = iam.create_access_key(UserName="storeward")["AccessKey"]
allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
iam.put_user_policy(UserName="storeward", PolicyName="backups", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
place = {"LocationConstraint": "eu-central-1"}
buckets = boto3.client("s3", **FIRST)
buckets.create_bucket(Bucket="ward", CreateBucketConfiguration=place)
buckets.create_bucket(Bucket="proofs", CreateBucketConfiguration=place, ObjectLockEnabledForBucket=True)
print(json.dumps({"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}))
