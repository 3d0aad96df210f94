{{ config(
    slice_by=['sender_code', 'support_id'],
    touched_by={
        'int_support__case': ['sender_code', 'support_id'],
    }
) }}

select
    support.sender_code,
    support.support_id,
    support.period_code,
    support.policy_code,
    support.household_code,
    support.household_id,
    support.household_key,
    support.person_no,
    support.status_code,
    support.is_last_of_year,
    support.is_delivered_in_year,
    support.decided_on,
    support.delivered_on,
    support.quantity,
    support.amount_vnd,
    support.full_price_vnd,
    support.funding_source_code,
    support.class_code,
    support.admin_unit_key,
    support.commune_code,
    support.district_code,
    coalesce(support.province_code, report.province_code) as province_code,
    support.year_end_commune_code,
    support.year_end_district_code,
    coalesce(support.year_end_province_code, report.year_end_province_code) as year_end_province_code,
    support.submission_id,
    support.sheet_name,
    support.row_number
from {{ ref('int_support__case') }} as support -- slice: sender_code, support_id
inner join {{ ref('int_support__province') }} as report on support.submission_id = report.submission_id
