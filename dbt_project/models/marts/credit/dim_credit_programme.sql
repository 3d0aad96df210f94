select
    code as credit_programme_code,
    short as short_name,
    name_vi,
    name_en,
    for_class as entitled_class_codes,
    ceiling_vnd,
    annual_rate_percent as annual_rate
from {{ ref('credit_programme') }}
